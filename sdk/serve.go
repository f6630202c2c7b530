package sdk

// Serve runs the plugin until its host lets go of it. It is the one line of main.
func Serve(r Runner) { _ = r }
