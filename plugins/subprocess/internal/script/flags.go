package script

import "path"

// Flags returns what an interpreter must be given in front of [File.Path] to take it as it is. Node
// otherwise resolves the path to a name that nothing has.
func Flags(interpreter string) []string {
	switch path.Base(interpreter) {
	case "node", "nodejs":
		return []string{"--preserve-symlinks-main"}
	default:
		return nil
	}
}
