;; Grows a table until that is refused, and then asks again for ever.
(table $table 1 funcref)
(func (export "KIND#describe") (result i32)
  (loop (drop (table.grow $table (ref.null func) (i32.const 1000))) (br 0))
  unreachable)
