;; Describes its settings by what stands in a file of the machine.
(data (i32.const 1040) "{\"$ref\":\"file:///etc/hostname\"}")
(data (i32.const 44) "\1f\00\00\00")
(data (i32.const 52) "\1f\00\00\00")
