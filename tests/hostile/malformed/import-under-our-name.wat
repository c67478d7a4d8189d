;; The name is the contract's, what is asked for under it is not.
(component
  (import "campanile:endpoint/log@0.9.0" (instance (export "read" (func (result string))))))
