;; Returns a name that is not UTF-8.
(data (i32.const 1024) "\ff\fe\c0\80\ed\a0\80zz")
