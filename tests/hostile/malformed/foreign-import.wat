;; Asks for an interface that no world gives. `IMPORT` stands for its name.
(component (import "IMPORT" (instance)))
