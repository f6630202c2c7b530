package settings

import (
	"fmt"
	"io"
	"os"
)

// longest is how many bytes settings may have.
const longest = 1 << 20

// Read reads settings as the plugin's commands are given them: from a file, from in where that is "-", and
// those of [Default] where it is empty.
func Read(from string, in io.Reader) (*Settings, error) {
	switch from {
	case "":
		return Default(), nil
	case "-":
	default:
		f, err := os.Open(from)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, longest))
	if err != nil {
		return nil, fmt.Errorf("read the settings: %w", err)
	}
	s, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	return s, nil
}
