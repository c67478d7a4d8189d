;; A part beside the kind, with memory for threads.
(module (memory 1 1 shared))
