;; Asks for something to be fetched.
(component (import "url=<http://127.0.0.1:7700/>" (instance)))
