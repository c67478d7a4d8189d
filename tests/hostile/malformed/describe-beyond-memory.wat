;; Returns a name that begins at the last byte of its memory.
(data (i32.const 16) "\ff\ff\00\00" "\09\00\00\00")
