// Shows how the server is, and asks again every two seconds while somebody looks.

const PERIOD = 2000;
const POINTS = 60;
const WINDOW = 6;
const pause = document.getElementById('pause');
const rates = [];
const seen = [];
let timer;
let over = false;

const duration = (seconds) => {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
};

// Over the last seconds, because another instance reports only every five. Instances come and go, so
// the sum may fall: then there is no rate to tell.
const rateOf = (state) => {
  const messages = state.messagesReceived;
  if (seen.some((earlier) => earlier.messages > messages)) seen.length = 0;
  seen.push({ at: state.at, messages });
  if (seen.length > WINDOW) seen.shift();
  const passed = (state.at - seen[0].at) / 1000;
  return passed > 0 ? (messages - seen[0].messages) / passed : undefined;
};

const draw = () => {
  const most = Math.max(1, ...rates);
  const points = rates.map((rate, index) => {
    const x = ((POINTS - rates.length + index) / (POINTS - 1)) * 60;
    return `${x.toFixed(2)},${(19 - (rate / most) * 18).toFixed(2)}`;
  });
  document.getElementById('line').setAttribute('points', points.join(' '));
};

const row = (instance) => {
  const silent = instance.silentSeconds > 10 ? `, silent for ${duration(instance.silentSeconds)}` : '';
  const cells = [
    instance.name + (instance.answers ? ' ·\u00a0this one' : '') + silent,
    duration(instance.uptimeSeconds),
    instance.streams,
    instance.messagesSent,
    instance.messagesReceived,
  ];
  const line = document.createElement('tr');
  line.append(...cells.map((text) => {
    const cell = document.createElement('td');
    cell.textContent = String(text);
    return cell;
  }));
  return line;
};

const render = ({ structuredContent: state, isError }) => {
  if (isError || !state) return show('status', 'The server could not tell how it is.');
  const rate = rateOf(state);
  if (rate !== undefined) {
    rates.push(rate);
    if (rates.length > POINTS) rates.shift();
    show('rate', rate.toFixed(1));
  }
  show('instances', state.instances.length);
  show('sessions', state.sessions);
  show('streams', state.streams);
  show('status', `As of ${new Date(state.at).toLocaleTimeString()}`);
  document.getElementById('rows').replaceChildren(...state.instances.map(row));
  draw();
};

const watching = () => !over && pause.getAttribute('aria-pressed') === 'false' && !document.hidden;

const look = async () => {
  clearTimeout(timer);
  if (!watching()) return;
  try {
    render(await request('tools/call', { name: 'mcp_apps_live_state', arguments: {} }));
  } catch (error) {
    show('status', `No answer: ${error.message}`);
  }
  clearTimeout(timer);
  if (watching()) timer = setTimeout(look, PERIOD);
};

pause.addEventListener('click', () => {
  const paused = pause.getAttribute('aria-pressed') === 'true';
  pause.setAttribute('aria-pressed', String(!paused));
  pause.textContent = paused ? 'Pause' : 'Go on';
  look();
});
document.addEventListener('visibilitychange', look);

on('ui/notifications/tool-result', render);
on('ui/notifications/tool-cancelled', () => show('status', 'The call was cancelled.'));
on('ui/resource-teardown', () => {
  over = true;
  clearTimeout(timer);
});

try {
  const { serverTools } = await connect('live-state', 'Live State');
  pause.disabled = !serverTools;
  if (serverTools) timer = setTimeout(look, PERIOD);
} catch (error) {
  show('status', error.message);
}
