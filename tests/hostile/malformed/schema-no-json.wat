;; Describes its settings by something that is not JSON.
(data (i32.const 1040) "{\"type\":\"object\",")
