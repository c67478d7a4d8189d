;; The interface has its name, but one function, of another type.
(component
  (core module $code (func (export "describe")))
  (core instance $code (instantiate $code))
  (func $describe (canon lift (core func $code "describe")))
  (instance (export "campanile:endpoint/kind@0.9.0") (export "describe" (func $describe))))
