;; Describes its settings by what a server within says.
(data (i32.const 1040) "{\"$ref\":\"http://169.254.169.254/\"}")
(data (i32.const 44) "\22\00\00\00")
(data (i32.const 52) "\22\00\00\00")
