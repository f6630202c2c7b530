package task

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDocument bounds what Decode and DecodeAll read, in bytes, and a document in YAML also in its
// JSON form.
const MaxDocument = 4 << 20

var errTooLarge = fmt.Errorf("must be at most %d bytes long", MaxDocument)

// Decode reads one task that somebody wrote, in JSON if its first character is a brace, else in
// YAML. It is strict: unknown and repeated fields, names in another case and values of another type
// are refused. Null means unset. What only the host may set (uid, generation, resourceVersion, the
// timestamps, status) is skipped, whatever it holds.
//
// The task is validated as by [Task.Validate]. The error is a [FieldErrors] with all problems, in the
// order of the document and, for YAML, with their lines.
func Decode(data []byte) (*Task, error) {
	if len(data) > MaxDocument {
		return nil, FieldErrors{{Message: errTooLarge.Error()}}
	}
	if isJSON(data) {
		return decodeJSON(data)
	}
	docs, err := splitYAML(data, 2)
	switch {
	case err != nil:
		return nil, err
	case len(docs) == 0:
		return nil, FieldErrors{{Message: "the document is empty"}}
	case len(docs) > 1:
		return nil, FieldErrors{{Message: "must hold one task, not several documents", Line: docs[1].Line}}
	}
	return decodeYAML(docs[0])
}

// DecodeAll reads all tasks of a file: documents in YAML, or values in JSON one after another. If
// there is more than one, the paths of problems begin with "document N: ", counted from 1.
func DecodeAll(data []byte) ([]*Task, error) {
	if len(data) > MaxDocument {
		return nil, FieldErrors{{Message: errTooLarge.Error()}}
	}
	if isJSON(data) {
		docs, err := splitJSON(data)
		if err != nil {
			return nil, err
		}
		return decodeEach(docs, decodeJSON)
	}
	docs, err := splitYAML(data, MaxPage)
	if err != nil {
		return nil, err
	}
	return decodeEach(docs, decodeYAML)
}

func decodeEach[D any](docs []D, decode func(D) (*Task, error)) ([]*Task, error) {
	var tasks []*Task
	var all FieldErrors
	for i, doc := range docs {
		t, err := decode(doc)
		var found FieldErrors
		if errors.As(err, &found) {
			for _, p := range found {
				if len(docs) > 1 {
					p.Path = documentPath(i+1, p.Path)
				}
				all = append(all, p)
			}
			continue
		}
		tasks = append(tasks, t)
	}
	switch {
	case len(docs) == 0:
		return nil, FieldErrors{{Message: "the document is empty"}}
	case len(all) > 0:
		return nil, all
	}
	return tasks, nil
}

func documentPath(n int, path string) string {
	if path == "" {
		return fmt.Sprintf("document %d", n)
	}
	return fmt.Sprintf("document %d: %s", n, path)
}

// isJSON reports whether data is to be read as JSON.
func isJSON(data []byte) bool {
	rest := bytes.TrimLeft(data, " \t\r\n")
	return len(rest) > 0 && rest[0] == '{'
}

// splitJSON finds the values of data. What is wrong within one is found later.
func splitJSON(data []byte) ([][]byte, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(data), lenient)
	var docs [][]byte
	for {
		start := dec.InputOffset()
		_, err := dec.ReadValue()
		switch {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return nil, FieldErrors{{Message: syntaxMessage(data, err)}}
		case len(docs) == MaxPage:
			return nil, FieldErrors{{Message: fmt.Sprintf("must hold at most %d documents", MaxPage)}}
		}
		docs = append(docs, data[start:dec.InputOffset()])
	}
}
