// Package examples holds the pipelines that 'troupe demo' runs, so that the files a reader sees are those that are tried.
package examples

import "embed" // the pipelines are files, so that they can be run as such

//go:embed */*.yaml */*.avsc */*.proto */*.json
var files embed.FS

// Files are the pipelines and their schemas, by their paths below this folder, such as "orders/orders.yaml".
func Files() embed.FS { return files }
