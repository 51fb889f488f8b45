// parse_workflow.mjs MODULES FILE: what GitHub's own parser thinks of a workflow, as JSON: the faults, and the commands of its steps.
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

// It is published for bundlers, which import JSON without being told that it is.
const asJson = { importAttributes: { type: "json" } };
registerHooks({ load: (url, context, next) => next(url, url.endsWith(".json") ? { ...context, ...asJson } : context) });

const [modules, file] = process.argv.slice(2);
const entry = `${modules}/@actions/workflow-parser/dist/index.js`;
const { parseWorkflow, convertWorkflowTemplate, NoOperationTraceWriter } = await import(pathToFileURL(entry));
const { context, value } = parseWorkflow({ name: file, content: readFileSync(file, "utf8") }, new NoOperationTraceWriter());
const template = value ? await convertWorkflowTemplate(context, value) : { jobs: [] };
const steps = template.jobs.flatMap((job) => job.steps ?? []);
console.log(JSON.stringify({
  faults: context.errors.getErrors().map(String).concat((template.errors ?? []).map((error) => error.Message)),
  jobs: template.jobs.length,
  commands: steps.filter((step) => step.run).map((step) => step.run.toString()),
  actions: steps.filter((step) => step.uses).map((step) => step.uses.toString()),
}));
