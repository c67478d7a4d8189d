;; Describes its settings by a mebibyte.
(func (export "KIND#describe") (result i32)
  (drop (memory.grow (i32.const 16)))
  (memory.fill (i32.const 4096) (i32.const 0x20) (i32.const 1000000))
  (i32.store (i32.const 40) (i32.const 4096))
  (i32.store (i32.const 44) (i32.const 1000000))
  (i32.const 16))
