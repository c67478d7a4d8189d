;; Traps when it is asked who it is.
(func (export "KIND#describe") (result i32) unreachable)
