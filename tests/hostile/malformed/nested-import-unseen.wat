;; The part of a component that asks for sockets, where the outer one does not.
(component (import "wasi:sockets/tcp@0.2.6" (instance)))
