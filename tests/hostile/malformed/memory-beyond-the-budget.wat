;; Begins with one page more than a store may have.
(memory (export "memory") 257)
