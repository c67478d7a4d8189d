;; Writes to all of its memory again and again, by one instruction each time.
(func $fill
  (drop (memory.grow (i32.const 200)))
  (loop (memory.fill (i32.const 4096) (i32.const 1) (i32.const 13000000)) (br 0)))
(start $fill)
