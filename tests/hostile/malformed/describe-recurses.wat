;; Calls itself until the stack ends.
(func $deeper (export "KIND#describe") (result i32) (i32.add (call $deeper) (call $deeper)))
