;; Asks the engine for code to run.
(component (import "code" (core module (export "run" (func)))))
