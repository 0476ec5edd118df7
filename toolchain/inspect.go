package main

import (
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

type packageInfo struct {
	Package string     `json:"package"`
	Files   []string   `json:"files"`
	Rules   []ruleInfo `json:"rules"`
}

type ruleInfo struct {
	Path string `json:"path"`
	Kind string `json:"kind"` // complete, set, object, function
	File string `json:"file"`
	Row  int    `json:"row"`
	Test bool   `json:"test,omitempty"`
}

type annotationInfo struct {
	Path       string           `json:"path"`
	File       string           `json:"file"`
	Row        int              `json:"row"`
	Annotation *ast.Annotations `json:"annotations"`
}

// opInspect lists packages with their rules, and every METADATA block with the path that it speaks of.
func opInspect(req *request) (any, error) {
	modules, err := parse(req.Files, capabilities())
	if err != nil {
		return nil, err
	}
	packages := map[string]*packageInfo{}
	list := make([]*ast.Module, 0, len(modules))
	for _, path := range slices.Sorted(maps.Keys(modules)) {
		module := modules[path]
		list = append(list, module)
		name := module.Package.Path.String()
		info, ok := packages[name]
		if !ok {
			info = &packageInfo{Package: name, Rules: []ruleInfo{}}
			packages[name] = info
		}
		info.Files = append(info.Files, path)
		for _, rule := range module.Rules {
			info.Rules = append(info.Rules, ruleInfo{
				Path: ruleRef(module, rule).String(),
				Kind: kindOf(rule),
				File: path,
				Row:  rule.Location.Row,
				Test: isTest(path),
			})
		}
	}
	set, broken := ast.BuildAnnotationSet(list)
	if len(broken) > 0 {
		return nil, broken
	}
	annotations := []annotationInfo{}
	for _, ref := range set.Flatten() {
		info := annotationInfo{Path: ref.Path.String(), Annotation: ref.Annotations}
		if ref.Location != nil {
			info.File, info.Row = ref.Location.File, ref.Location.Row
		}
		annotations = append(annotations, info)
	}
	out := make([]*packageInfo, 0, len(packages))
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		out = append(out, packages[name])
	}
	return map[string]any{"packages": out, "annotations": annotations}, nil
}

func kindOf(rule *ast.Rule) string {
	switch {
	case len(rule.Head.Args) > 0:
		return "function"
	case rule.Head.DocKind() == ast.PartialSetDoc:
		return "set"
	case rule.Head.DocKind() == ast.PartialObjectDoc:
		return "object"
	}
	return "complete"
}
