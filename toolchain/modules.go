package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
)

// parse reads every file and reports the errors of all of them. Annotations are always read: a broken METADATA block is
// an error of the author, not a comment.
func parse(files map[string]string, caps *ast.Capabilities) (map[string]*ast.Module, error) {
	modules, broken := map[string]*ast.Module{}, ast.Errors{}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		module, err := ast.ParseModuleWithOpts(path, files[path], ast.ParserOptions{
			Capabilities:      caps,
			ProcessAnnotation: true,
			RegoVersion:       ast.RegoV1,
		})
		if err != nil {
			var list ast.Errors
			if !errors.As(err, &list) {
				list = ast.Errors{ast.NewError(ast.ParseErr, ast.NewLocation(nil, path, 1, 1), "%s", err.Error())}
			}
			broken = append(broken, list...)
			continue
		}
		modules[path] = module
	}
	if len(broken) > 0 {
		return nil, broken
	}
	return modules, nil
}

// schemaSet makes the schema named "input" the type of `input` everywhere, as `opa check --schema file` does, and gives
// every schema its name for `# schemas:` annotations.
func schemaSet(schemas map[string]any) *ast.SchemaSet {
	if len(schemas) == 0 {
		return nil
	}
	set := ast.NewSchemaSet()
	for name, schema := range schemas {
		ref := ast.Ref{ast.SchemaRootDocument}
		for part := range strings.SplitSeq(name, "/") {
			ref = ref.Append(ast.StringTerm(part))
		}
		set.Put(ref, schema)
		if name == "input" {
			set.Put(ast.SchemaRootRef, schema)
		}
	}
	return set
}

// conflicts tells the compiler which paths of data are taken, so that a rule cannot hide behind a document or the other
// way round.
func conflicts(data map[string]any) func([]string) (bool, error) {
	return func(path []string) (bool, error) {
		var node any = data
		for _, key := range path {
			object, ok := node.(map[string]any)
			if !ok {
				return true, nil
			}
			if node, ok = object[key]; !ok {
				return false, nil
			}
		}
		return len(path) > 0, nil
	}
}

func isTest(path string) bool { return strings.HasSuffix(path, "_test.rego") }

func withoutTests(files map[string]string) map[string]string {
	kept := maps.Clone(files)
	maps.DeleteFunc(kept, func(path, _ string) bool { return isTest(path) })
	return kept
}

// bundleOf holds parsed modules and data as OPA's own loader would have read them from a folder.
func bundleOf(modules map[string]*ast.Module, files map[string]string, data map[string]any) *bundle.Bundle {
	b := &bundle.Bundle{Data: data}
	if b.Data == nil {
		b.Data = map[string]any{}
	}
	b.SetRegoVersion(ast.RegoV1)
	b.Manifest.Init()
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		b.Modules = append(b.Modules, bundle.ModuleFile{
			URL: "/" + path, Path: "/" + path, Raw: []byte(files[path]), Parsed: modules[path],
		})
	}
	return b
}

// entrypointQuery turns "customhouse/decision" into data.customhouse.decision.
func entrypointQuery(entrypoint string) (string, error) {
	ref := ast.Ref{ast.DefaultRootDocument}
	for part := range strings.SplitSeq(strings.Trim(entrypoint, "/"), "/") {
		if part == "" {
			return "", fmt.Errorf("the entrypoint %q has an empty part", entrypoint)
		}
		ref = ref.Append(ast.StringTerm(part))
	}
	return ref.String(), nil
}
