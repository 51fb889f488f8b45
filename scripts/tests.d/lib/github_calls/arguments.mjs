// Arguments for tools, made from their input schemas: one JSON line a tool, `{name, required, all}`.
//
// Usage: node arguments.mjs NODE_MODULES SEED <tools.json >arguments.jsonl
// json-schema-faker makes them; ajv, which knows nothing of it, says whether they fit. Texts that a schema leaves free
// get characters that every part of a request has to encode.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [modules, seed] = process.argv.slice(2);
const require = createRequire(`${modules}/package.json`);
const jsf = require("json-schema-faker");
const seedrandom = require("seedrandom");
const Ajv = require("ajv/dist/2020").default;
const addFormats = require("ajv-formats").default;

const TRIES = 60;
const AWKWARD = " ä/?&#%+=;,:\"'<>";
const ajv = addFormats(new Ajv({ strict: false, validateFormats: true, logger: false }));

jsf.option({
  failOnInvalidTypes: false,
  failOnInvalidFormat: false,
  useDefaultValue: false,
  useExamplesValue: false,
  minItems: 1,
  maxItems: 2,
  refDepthMax: 4,
});

const isFree = (schema) =>
  schema?.type === "string" && !["enum", "const", "pattern", "format", "maxLength", "contentEncoding"].some((key) => key in schema);

function awkward(schema, value) {
  for (const name of Object.keys(value)) {
    if (isFree(schema.properties?.[name]) && typeof value[name] === "string") value[name] += AWKWARD;
  }
  return value;
}

// Bytes are base64 in the arguments; the generator does not know `contentEncoding`.
function encoded(schema, value) {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (property.contentEncoding === "base64" && name in value) {
      value[name] = Buffer.from(`bytes \u0000\u00ff ${seed}`).toString("base64");
    }
  }
  return value;
}

async function make(tool, kind) {
  const validate = ajv.compile(tool.inputSchema);
  let reason = "";
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    jsf.option({
      random: seedrandom(`${seed}/${tool.name}/${kind}/${attempt}`),
      alwaysFakeOptionals: kind === "all",
      requiredOnly: kind === "required",
    });
    const value = encoded(tool.inputSchema, await jsf.resolve(structuredClone(tool.inputSchema)));
    const harder = awkward(tool.inputSchema, structuredClone(value));
    if (validate(harder)) return { arguments: harder };
    if (validate(value)) return { arguments: value };
    reason = ajv.errorsText(validate.errors);
  }
  return { reason };
}

for (const tool of JSON.parse(readFileSync(0, "utf8"))) {
  const line = { name: tool.name, required: await make(tool, "required"), all: await make(tool, "all") };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
