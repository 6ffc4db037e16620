// Drives a simulated resource with Microsoft's JavaScript client library:
//
//   node drive.js ENDPOINT KEY TARGET-ENDPOINT TARGET-KEY CONTROL-URL
//
// It makes a project, reads it back, trains it, exports it and imports it at
// the target, and ends with one line of JSON that says what it found.

const assert = require("node:assert");
const { TrainingAPIClient } = require("@azure/cognitiveservices-customvision-training");
const { ApiKeyCredentials } = require("@azure/ms-rest-js");

const [endpoint, key, targetEndpoint, targetKey, control] = process.argv.slice(2);

function connect(endpoint, key) {
  return new TrainingAPIClient(new ApiKeyCredentials({ inHeader: { "Training-key": key } }), endpoint);
}

// bitmap makes a BMP of one colour, 256 pixels square.
function bitmap(n) {
  const side = 256, head = 54, b = Buffer.alloc(head + side * side * 3, n);
  b.write("BM", 0);
  b.writeUInt32LE(b.length, 2);
  b.writeUInt32LE(0, 6);
  b.writeUInt32LE(head, 10);
  b.writeUInt32LE(40, 14);
  b.writeInt32LE(side, 18);
  b.writeInt32LE(side, 22);
  b.writeUInt16LE(1, 26);
  b.writeUInt16LE(24, 28);
  b.fill(0, 30, head);
  return b;
}

async function advance(by) {
  const answer = await fetch(`${control}/advance?by=${by}`, { method: "POST" });
  assert.strictEqual(answer.status, 200);
}

async function fill(client) {
  const domains = await client.getDomains();
  const compact = domains.find((d) => d.name === "General (compact)" && d.type === "Classification");
  assert.ok(compact.exportablePlatforms.includes("ONNX"), "v3.4 says what a domain exports to");
  const project = await client.createProject("größer", { domainId: compact.id, classificationType: "Multiclass", description: "by JavaScript" });
  const tags = [await client.createTag(project.id, "eins"), await client.createTag(project.id, "zwei")];
  const images = [...Array(12).keys()].map((n) => ({ name: `${n}.bmp`, contents: bitmap(n + 1), tagIds: [tags[n % 2].id] }));
  const made = await client.createImagesFromFiles(project.id, { images, metadata: { by: "js" } });
  assert.strictEqual(made.isBatchSuccessful, true);
  const again = await client.createImagesFromData(project.id, bitmap(1));
  assert.strictEqual(again._response.status, 207);
  assert.strictEqual(again.images[0].status, "OKDuplicate");
  return project.id;
}

async function train(client, id) {
  const iteration = await client.trainProject(id);
  assert.strictEqual(iteration.status, "Training");
  await advance("1m");
  const trained = await client.getIteration(id, iteration.id);
  assert.strictEqual(trained.status, "Completed");
  assert.ok(trained.trainedAt instanceof Date);
  const performance = await client.getIterationPerformance(id, iteration.id, { threshold: 0.5 });
  assert.strictEqual(performance.perTagPerformance.length, 2);
  await client.exportIteration(id, iteration.id, "TensorFlow");
  const exported = await client.getExports(id, iteration.id);
  assert.strictEqual(exported[0].platform, "TensorFlow");
}

async function check(client, id) {
  const count = await client.getImageCount(id);
  const images = await client.getImages(id, { orderBy: "Oldest", take: 256 });
  const bytes = Buffer.from(await (await fetch(images[0].originalImageUri)).arrayBuffer());
  assert.ok(bytes.equals(bitmap(1)), "the first picture comes back as it was");
  assert.deepStrictEqual(images[0].metadata, { by: "js" });
  assert.ok(images[0].created instanceof Date);
  const tags = await client.getTags(id);
  return { images: count.body ?? images.length, tags: tags.map((t) => `${t.name}:${t.imageCount}`) };
}

async function main() {
  const source = connect(endpoint, key), target = connect(targetEndpoint, targetKey);
  const id = await fill(source);
  await train(source, id);
  const before = await check(source, id);
  const exported = await source.exportProject(id);
  const imported = await target.importProject(exported.token);
  assert.strictEqual(imported.status, "Importing");
  await advance("1m");
  assert.strictEqual((await target.getProject(imported.id)).status, "Succeeded");
  assert.deepStrictEqual(await check(target, imported.id), before);
  await assert.rejects(connect(endpoint, "wrong").getProjects(), (e) => e.statusCode === 401);
  console.log(JSON.stringify(before));
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
