package content

import (
	"slices"
	"strings"
)

// annotationName is where an index says what a manifest is called.
const annotationName = "org.opencontainers.image.ref.name"

// find returns the manifest that the reference picks.
func (l *layout) find(reference string) (descriptor, error) {
	var top index
	if err := l.document("index.json", &top); err != nil {
		return descriptor{}, err
	}
	if err := l.checkIndex("index.json", top); err != nil {
		return descriptor{}, err
	}
	name, digest, err := l.split(reference)
	if err != nil {
		return descriptor{}, err
	}
	matching := slices.DeleteFunc(slices.Clone(top.Manifests), func(d descriptor) bool {
		return name != "" && !called(d, name) || digest != "" && d.Digest != digest
	})
	// The digest may also be that of a manifest within an index.
	if len(matching) == 0 && name == "" && digest != "" {
		return l.descend(top.Manifests, digest, maxNesting)
	}
	if len(matching) == 0 && reference != "" {
		return descriptor{}, l.errorf("nothing in it is called %.200q; it has %s", reference, names(top.Manifests))
	}
	return l.descend(matching, "", maxNesting)
}

// split takes a reference apart.
func (l *layout) split(reference string) (name string, digest Digest, err error) {
	name, sum, pinned := strings.Cut(reference, "@")
	if !pinned && strings.HasPrefix(reference, algorithm) {
		name, sum, pinned = "", reference, true
	}
	if !pinned {
		return name, "", nil
	}
	if digest, err = ParseDigest(sum); err != nil {
		return "", "", l.errorf("reference %.200q: %v", reference, err)
	}
	return name, digest, nil
}

// called reports whether a descriptor has the name: in full, or as its tag.
func called(d descriptor, name string) bool {
	full := d.Annotations[annotationName]
	if full == name {
		return true
	}
	tag := full[strings.LastIndex(full, "/")+1:]
	if _, after, ok := strings.Cut(tag, ":"); ok {
		return after == name
	}
	return false
}

// descend returns the only manifest among the descriptors, in indexes too; or the one with the digest.
func (l *layout) descend(among []descriptor, want Digest, depth int) (descriptor, error) {
	found, err := l.manifests(among, depth)
	if err != nil {
		return descriptor{}, err
	}
	if want != "" {
		found = slices.DeleteFunc(found, func(d descriptor) bool { return d.Digest != want })
	}
	found = unique(found)
	switch len(found) {
	case 0:
		return descriptor{}, l.errorf("holds no manifest of a WebAssembly artifact")
	case 1:
		return found[0], nil
	default:
		return descriptor{}, l.errorf("holds %d artifacts; name one: %s", len(found), names(found))
	}
}

// unique leaves out what is there under several names.
func unique(of []descriptor) []descriptor {
	var once []descriptor
	for _, d := range of {
		if !slices.ContainsFunc(once, func(o descriptor) bool { return o.Digest == d.Digest }) {
			once = append(once, d)
		}
	}
	return once
}

// ours leaves out what is for other platforms, if one of an index's manifests says that it is for ours.
func ours(of []descriptor) []descriptor {
	foreign := func(d descriptor) bool { return d.Platform == nil || d.Platform.OS != "wasip1" }
	if mine := slices.DeleteFunc(slices.Clone(of), foreign); len(mine) > 0 {
		return mine
	}
	return of
}

// manifests returns the manifests that the descriptors name, in indexes too.
func (l *layout) manifests(among []descriptor, depth int) ([]descriptor, error) {
	var found []descriptor
	for _, d := range among {
		switch {
		case d.Annotations["vnd.docker.reference.type"] != "": // says something about another manifest
		case d.MediaType == typeManifest:
			found = append(found, d)
		case d.MediaType != typeIndex:
		case depth == 0:
			return nil, l.errorf("has indexes nested more than %d deep", maxNesting)
		default:
			var inner index
			if err := l.decode(d, &inner); err != nil {
				return nil, err
			}
			if err := l.checkIndex(string(d.Digest), inner); err != nil {
				return nil, err
			}
			more, err := l.manifests(inner.Manifests, depth-1)
			if err != nil {
				return nil, err
			}
			found = append(found, ours(more)...)
		}
		if len(found) > maxEntries {
			return nil, l.errorf("has more than %d manifests", maxEntries)
		}
	}
	return found, nil
}

func (l *layout) checkIndex(name string, i index) error {
	if i.SchemaVersion != 2 || i.MediaType != "" && i.MediaType != typeIndex {
		return l.errorf("%s: is of version %d and type %.80q, want 2 and %s", name, i.SchemaVersion, i.MediaType, typeIndex)
	}
	if len(i.Manifests) > maxEntries {
		return l.errorf("%s: has more than %d manifests", name, maxEntries)
	}
	return nil
}

// names lists what descriptors are called, for people.
func names(of []descriptor) string {
	const most = 10
	var list []string
	for _, d := range of[:min(len(of), most)] {
		if name := d.Annotations[annotationName]; name != "" && len(name) < 200 {
			list = append(list, name)
		} else {
			list = append(list, string(d.Digest[:min(len(d.Digest), 80)]))
		}
	}
	if len(of) > most {
		list = append(list, "...")
	}
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ", ")
}
