;; Grows its memory until that is refused, a page at a time, and then asks again for ever.
(func $grow (loop (drop (memory.grow (i32.const 1))) (br 0)))
(start $grow)
