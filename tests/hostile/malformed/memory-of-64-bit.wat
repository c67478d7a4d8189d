;; A part beside the kind, with memory that 32 bits cannot address.
(module (memory i64 1))
