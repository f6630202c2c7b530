package screen

import (
	"encoding/json"
	"io"
)

// JSON writes v as an indented document.
func JSON(to io.Writer, v any) error {
	e := json.NewEncoder(to)
	e.SetEscapeHTML(false) // signatures have arrows
	e.SetIndent("", "  ")
	return e.Encode(v)
}
