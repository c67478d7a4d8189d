;; Says that it is a kind that is there already.
(data (i32.const 1024) "webhook")
(data (i32.const 20) "\07\00\00\00")
