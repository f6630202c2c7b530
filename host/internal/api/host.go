package api

import (
	"net/http"

	"github.com/soltihq/solti-host/host/task"
)

func (s *Server) listPlugins(w http.ResponseWriter, r *http.Request) error {
	if err := readParams(r).err(); err != nil {
		return err
	}
	return respond(w, http.StatusOK, task.PluginList{APIVersion: task.APIVersion, Kind: task.KindPluginList, Items: s.plugins()})
}

// plugins returns all plugins as documents; never nil.
func (s *Server) plugins() []task.Plugin {
	items := append([]task.Plugin{}, s.backend.Plugins.Status()...)
	for i := range items {
		items[i].APIVersion, items[i].Kind = task.APIVersion, task.KindPlugin
	}
	return items
}

func (s *Server) getPlugin(w http.ResponseWriter, r *http.Request) error {
	if err := readParams(r).err(); err != nil {
		return err
	}
	name := r.PathValue("name")
	for _, p := range s.plugins() {
		if p.Name == name {
			return respond(w, http.StatusOK, p)
		}
	}
	return refuse(task.ReasonNotFound, "plugin "+name+": not found")
}

func (s *Server) explain(w http.ResponseWriter, r *http.Request) error {
	if err := readParams(r).err(); err != nil {
		return err
	}
	doc, err := readTask(r, w)
	if err != nil {
		return err
	}
	e, err := s.backend.Plugins.Explain(r.Context(), doc.Task)
	if err != nil {
		return doc.blame(err)
	}
	answer := *e
	answer.APIVersion, answer.Kind = task.APIVersion, task.KindExplanation
	return respond(w, http.StatusOK, answer)
}

func (s *Server) version(w http.ResponseWriter, r *http.Request) error {
	if err := readParams(r).err(); err != nil {
		return err
	}
	build := s.options.Build
	build.APIVersion, build.Kind = task.APIVersion, task.KindVersion
	return respond(w, http.StatusOK, build)
}

// live answers as long as the process can answer at all. Supervisors of the host ask it without a
// credential.
func (s *Server) live(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	extend(w)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte("ok\n"))
	return nil
}

func (s *Server) ready(w http.ResponseWriter, r *http.Request) error {
	if err := readParams(r).err(); err != nil {
		return err
	}
	ok, problems := s.backend.Health.Ready()
	if s.stopping.Err() != nil {
		ok, problems = false, append(problems[:len(problems):len(problems)], task.ErrClosed.Error())
	}
	if problems == nil {
		problems = []string{}
	}
	status := http.StatusOK
	if !ok {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	return respond(w, status, task.Readiness{
		APIVersion: task.APIVersion, Kind: task.KindReadiness, Ready: ok, Problems: problems,
	})
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request) error {
	if s.options.Metrics == nil {
		return refuse(task.ReasonNotFound, "this host has no metrics")
	}
	extend(w)
	s.options.Metrics.ServeHTTP(w, r)
	return nil
}
