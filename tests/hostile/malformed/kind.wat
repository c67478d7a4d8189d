;; No attack: what every core module here is completed with. Each file beside it replaces a part;
;; `KIND` stands for the name of the exported interface, with its version.
(data (i32.const 1024) "malformed")
(data (i32.const 1040) "{\"type\":\"object\"}")
;; The descriptor: pairs of address and length, and three numbers.
(data (i32.const 16)
  "\00\04\00\00" "\09\00\00\00" ;; name
  "\00\04\00\00" "\09\00\00\00" ;; title
  "\00\04\00\00" "\09\00\00\00" ;; summary
  "\10\04\00\00" "\11\00\00\00" ;; endpoint-schema
  "\10\04\00\00" "\11\00\00\00" ;; recipient-schema
  "\00\00\00\00" "\00\00\00\00" ;; reach
  "\01\00\00\00" "\01\00\00\00" "\e8\03\00\00" ;; batch-max, concurrency, deliver-ms
  "\00\00\00\00" "\00\00\00\00" ;; paces
  "\00\00\00\00" "\00\00\00\00") ;; extra
