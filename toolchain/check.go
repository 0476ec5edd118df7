package main

import (
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// opCheck parses and compiles strictly, with schemas. It answers with the list of packages, or with every error found.
func opCheck(req *request) (any, error) {
	compiler, err := compileStrict(req)
	if err != nil {
		return nil, err
	}
	packages := map[string]bool{}
	for _, module := range compiler.Modules {
		packages[module.Package.Path.String()] = true
	}
	return map[string]any{"packages": slices.Sorted(maps.Keys(packages))}, nil
}

func compileStrict(req *request) (*ast.Compiler, error) {
	caps := capabilities(ast.InternalPrint.Name)
	modules, err := parse(req.Files, caps)
	if err != nil {
		return nil, err
	}
	compiler := ast.NewCompiler().
		SetErrorLimit(0).
		WithCapabilities(caps).
		WithSchemas(schemaSet(req.Schemas)).
		WithUseTypeCheckAnnotations(true).
		WithEnablePrintStatements(true).
		WithStrict(true).
		WithPathConflictsCheck(conflicts(req.Data))
	if compiler.Compile(modules); compiler.Failed() {
		return nil, &unsound{compiler.Errors, modules, req}
	}
	if found := lint(compiler, modules, req.Data); len(found) > 0 {
		return nil, &unsound{found, modules, req}
	}
	return compiler, nil
}

// opFormat answers path -> text as `opa fmt` writes it. Files that are well formatted already come back unchanged.
func opFormat(req *request) (any, error) {
	caps := capabilities()
	if _, err := parse(req.Files, caps); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for path, text := range req.Files {
		formatted, err := format.SourceWithOpts(path, []byte(text), format.Opts{
			RegoVersion:  ast.RegoV1,
			Capabilities: caps,
			ParserOptions: &ast.ParserOptions{
				Capabilities:      caps,
				ProcessAnnotation: true,
				RegoVersion:       ast.RegoV1,
			},
		})
		if err != nil {
			return nil, err
		}
		out[path] = string(formatted)
	}
	return map[string]any{"files": out}, nil
}
