;; Asks the engine for another component.
(component (import "other" (component)))
