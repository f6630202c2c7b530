package sdk

// recent remembers the values of the last max keys that were put in. It has no lock of its own.
type recent[V any] struct {
	max    int
	values map[string]V
	order  []string // keys in the order in which they came; a ring once it is full
	oldest int
}

func newRecent[V any](limit int) recent[V] {
	return recent[V]{max: limit, values: make(map[string]V)}
}

func (r *recent[V]) put(key string, value V) {
	if _, known := r.values[key]; known {
		r.values[key] = value
		return
	}
	if len(r.order) < r.max {
		r.order = append(r.order, key)
	} else {
		delete(r.values, r.order[r.oldest])
		r.order[r.oldest] = key
		r.oldest = (r.oldest + 1) % r.max
	}
	r.values[key] = value
}

func (r *recent[V]) get(key string) (V, bool) {
	value, ok := r.values[key]
	return value, ok
}
