;; The outer component asks for sockets only to hand them to the one inside.
(component
  (import "wasi:sockets/tcp@0.2.6" (instance $sockets))
  (component $inner (import "wasi:sockets/tcp@0.2.6" (instance)))
  (instance (instantiate $inner (with "wasi:sockets/tcp@0.2.6" (instance $sockets)))))
