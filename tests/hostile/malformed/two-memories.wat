;; A part beside the kind, with two memories in one module.
(module (memory 1) (memory 1))
