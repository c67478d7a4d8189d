;; A part beside the kind, with nearly all the memory that a store may have: too much for both.
(module (memory 256))
