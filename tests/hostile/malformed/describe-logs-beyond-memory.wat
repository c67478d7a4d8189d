;; Hands over a line of 2 GiB that is not there.
(import "campanile:endpoint/log@0.9.0" "write" (func $log (param i32 i32 i32)))
(func (export "KIND#describe") (result i32)
  (call $log (i32.const 1) (i32.const 1024) (i32.const 0x7fffffff))
  (i32.const 16))
