;; Asks for a function that belongs to no interface.
(component (import "run" (func)))
