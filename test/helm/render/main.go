// Renders a chart as `helm template` does, as far as this chart goes: the tests need no helm binary.
// Usage: render CHART VALUES.yaml [RELEASE [NAMESPACE]]; values laid over the chart's own. Prints all objects.
package main

import (
	"bytes"
	"fmt"
	"io/ioutil"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

type dict = map[string]interface{}

func main() {
	if err := render(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(chart, valuesFile string) error {
	meta, err := readYaml(filepath.Join(chart, "Chart.yaml"))
	if err != nil {
		return err
	}
	values, err := readYaml(filepath.Join(chart, "values.yaml"))
	if err != nil {
		return err
	}
	given, err := readYaml(valuesFile)
	if err != nil {
		return err
	}
	lay(values, given)
	paths, err := filepath.Glob(filepath.Join(chart, "templates", "*"))
	if err != nil {
		return err
	}
	sort.Strings(paths)
	all := template.New("chart").Option("missingkey=zero")
	all.Funcs(functions(all))
	for _, path := range paths {
		text, err := ioutil.ReadFile(path)
		if err != nil {
			return err
		}
		if _, err := all.New(filepath.Base(path)).Parse(string(text)); err != nil {
			return err
		}
	}
	scope := dict{
		"Values":   values,
		"Chart":    dict{"Name": meta["name"], "Version": meta["version"], "AppVersion": meta["appVersion"]},
		"Release":  dict{"Name": "plant", "Namespace": "line", "Service": "Helm", "Revision": 1},
		"Template": dict{"BasePath": "branchline/templates"},
		"Files":    files{chart},
	}
	for _, path := range paths {
		name := filepath.Base(path)
		if strings.HasPrefix(name, "_") {
			continue
		}
		var out bytes.Buffer
		if err := all.ExecuteTemplate(&out, name, scope); err != nil {
			return err
		}
		// As Go's own engine prints what is not there; Helm takes it out again.
		text := strings.ReplaceAll(out.String(), "<no value>", "")
		fmt.Printf("---\n# Source: %s\n%s\n", name, text)
	}
	return nil
}

// functions are those of Helm beyond sprig's.
func functions(all *template.Template) template.FuncMap {
	funcs := sprig.TxtFuncMap()
	delete(funcs, "env")
	delete(funcs, "expandenv")
	funcs["include"] = func(name string, scope interface{}) (string, error) {
		var out bytes.Buffer
		err := all.ExecuteTemplate(&out, name, scope)
		return out.String(), err
	}
	funcs["tpl"] = func(text string, scope interface{}) (string, error) {
		own, err := all.Clone()
		if err != nil {
			return "", err
		}
		parsed, err := own.New("tpl").Parse(text)
		if err != nil {
			return "", err
		}
		var out bytes.Buffer
		err = parsed.Execute(&out, scope)
		return out.String(), err
	}
	funcs["toYaml"] = func(value interface{}) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	funcs["required"] = func(warning string, value interface{}) (interface{}, error) {
		if value == nil || value == "" {
			return nil, fmt.Errorf("%s", warning)
		}
		return value, nil
	}
	return funcs
}

type files struct{ chart string }

// Get reads one file of the chart that is no template; empty where it is not there, as Helm does.
func (f files) Get(name string) string {
	text, _ := ioutil.ReadFile(filepath.Join(f.chart, name))
	return string(text)
}

func readYaml(path string) (dict, error) {
	text, err := ioutil.ReadFile(path)
	if err != nil {
		return nil, err
	}
	out := dict{}
	return out, yaml.Unmarshal(text, &out)
}

// lay puts values over others, key by key; null takes one away.
func lay(under, over dict) {
	for key, value := range over {
		below, isDict := under[key].(dict)
		if above, both := value.(dict); both && isDict {
			lay(below, above)
		} else if value == nil {
			delete(under, key)
		} else {
			under[key] = value
		}
	}
}
