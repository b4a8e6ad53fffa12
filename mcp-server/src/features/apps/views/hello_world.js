// Shows the greeting that the tool gave, and asks for another on demand.

const again = document.getElementById('again');

const render = ({ structuredContent: greeting }) => {
  if (!greeting) return show('status', 'The result holds nothing for this page.');
  show('greeting', greeting.greeting);
  show('version', greeting.stats.version);
  show('count', `${greeting.stats.requestCount} ×`);
  show('status', `Sent ${new Date(greeting.timestamp).toLocaleString()}`);
  document.getElementById('stats').hidden = false;
  const items = greeting.features.map((feature) => {
    const item = document.createElement('li');
    item.textContent = feature;
    return item;
  });
  document.getElementById('features').replaceChildren(...items);
};

again.addEventListener('click', async () => {
  again.disabled = true;
  try {
    render(await request('tools/call', { name: 'mcp_apps_hello_world', arguments: {} }));
  } catch (error) {
    show('status', `That did not work: ${error.message}`);
  }
  again.disabled = false;
});

on('ui/notifications/tool-result', render);
on('ui/notifications/tool-cancelled', () => show('status', 'The call was cancelled.'));
on('ui/resource-teardown', () => {});

try {
  const { serverTools } = await connect('hello-world', 'Hello World');
  show('status', 'Connected. Waiting for the result…');
  again.disabled = !serverTools;
} catch (error) {
  show('status', error.message);
}
