package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/soltihq/solti-host/host/task"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// A value is what the file says at one key: the texts of a scalar or of a sequence of scalars.
type value struct{ texts []string }

// readFile returns what the file says of the settings. Plugins go into the configuration.
func (l *loader) readFile() map[string]value {
	if l.source.File == "" {
		return nil
	}
	doc, err := parseFile(l.source.File)
	if err != nil {
		l.problems.Add(l.source.File, "%v", err)
		return nil
	}
	if doc == nil {
		return nil
	}
	found := map[string]value{}
	l.mapping("", doc, func(key string, node *yaml.Node) { l.walk(found, key, node) })
	return found
}

// parseFile returns the top of the one document in a file, or nil if there is nothing in it.
func parseFile(path string) (*yaml.Node, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err) // the path is told already
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("longer than %d bytes", maxFile)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, yamlError(err)
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document: put all of it into one")
	}
	return doc.Content[0], nil
}

// yamlError drops the parser's name from its messages.
func yamlError(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
}

// walk takes what stands at key: a setting, a group of settings, or the plugins.
func (l *loader) walk(found map[string]value, key string, node *yaml.Node) {
	if i := slices.IndexFunc(l.settings, func(s Setting) bool { return s.Key == key }); i >= 0 {
		if texts, ok := l.texts(key, node, l.settings[i].List); ok {
			found[key] = value{texts}
		}
		return
	}
	if name, ok := strings.CutPrefix(key, "plugins."); ok {
		l.plugin(key, name, node)
		return
	}
	if !slices.ContainsFunc(l.settings, func(s Setting) bool { return strings.HasPrefix(s.Key, key+".") }) {
		l.unknown(key, l.siblings(key))
		return
	}
	l.mapping(key, node, func(key string, node *yaml.Node) { l.walk(found, key, node) })
}

// mapping calls item for every entry of a mapping, with its full key.
func (l *loader) mapping(at string, node *yaml.Node, item func(key string, node *yaml.Node)) {
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
		return // a key with nothing below it
	}
	if node.Kind != yaml.MappingNode {
		l.wrong(at, node, "want keys and values")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		k := node.Content[i]
		key := k.Value
		if at != "" {
			key = at + "." + key
		}
		switch {
		case k.Kind != yaml.ScalarNode:
			l.wrong(at, k, "a key is not a word")
		case seen[key]:
			l.wrong(key, k, "set twice")
		default:
			seen[key] = true
			item(key, node.Content[i+1])
		}
	}
}

// texts returns a scalar, or a sequence of scalars where a list is wanted.
func (l *loader) texts(key string, node *yaml.Node, list bool) ([]string, bool) {
	if !list {
		text, ok := l.scalar(key, node)
		return []string{text}, ok
	}
	if node.Kind != yaml.SequenceNode {
		l.wrong(key, node, "want a list")
		return nil, false
	}
	var all []string
	for i, n := range node.Content {
		text, ok := l.scalar(fmt.Sprintf("%s[%d]", key, i), n)
		if !ok {
			return nil, false
		}
		all = append(all, text)
	}
	return all, true
}

func (l *loader) scalar(key string, node *yaml.Node) (string, bool) {
	if node.Kind == yaml.ScalarNode && node.Tag != "!!null" {
		return node.Value, true
	}
	l.wrong(key, node, "want one value")
	return "", false
}

// wrong reports a node that is not of the kind that it should be.
func (l *loader) wrong(key string, node *yaml.Node, message string) {
	if node.Kind == yaml.AliasNode {
		message = "write the value out: aliases are not allowed"
	}
	place := l.source.File
	if key != "" {
		place = l.inFile(key)
	}
	l.problems.Add(place, "line %d: %s", node.Line, message)
}

// unknown reports a key that nobody knows, with the one that may have been meant.
func (l *loader) unknown(key string, known []string) {
	if like := task.Closest(key[strings.LastIndexByte(key, '.')+1:], known); like != "" {
		l.problems.Add(l.inFile(key), "unknown key; did you mean %s?", like)
		return
	}
	l.problems.Add(l.inFile(key), "unknown key; there are %s", strings.Join(known, ", "))
}

// siblings returns the keys that may stand where key does.
func (l *loader) siblings(key string) []string {
	parent := ""
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		parent = key[:i+1]
	}
	var names []string
	for _, s := range l.settings {
		rest, ok := strings.CutPrefix(s.Key, parent)
		if name, _, _ := strings.Cut(rest, "."); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
