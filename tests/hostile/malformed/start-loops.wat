;; Computes for ever before anything is asked of it.
(func $forever (loop (br 0)))
(start $forever)
