;; Returns a list of four milliard pairs.
(data (i32.const 84) "\00\00\00\00" "\ff\ff\ff\ff")
