;; Calls itself until the stack ends, before anything is asked of it.
(func $deeper (result i32) (i32.add (call $deeper) (call $deeper)))
(func $begin (drop (call $deeper)))
(start $begin)
