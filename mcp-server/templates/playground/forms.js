// Forms from JSON Schema: one field per property, and JSON for what has no simpler field.

let counter = 0;

/** An element with attributes and children; a child that is a string is text. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** The fields of an object's schema: `elements` to show, `value()` to read. */
export function fields(schema) {
  const root = schema ?? {};
  const required = new Set(root.required ?? []);
  const all = Object.entries(root.properties ?? {}).map(([name, member]) => {
    const own = resolved(member, root);
    const control = controlOf(own, required.has(name));
    return { name, control, element: labelled(name, own, required.has(name), control) };
  });
  return {
    elements: all.map((field) => field.element),
    value() {
      const value = {};
      for (const { name, control } of all) {
        const read = control.value();
        if (read !== undefined) value[name] = read;
      }
      return value;
    },
  };
}

/** The schema that a reference means, without the `null` of what may be left out. */
function resolved(schema, root) {
  let own = schema;
  for (let depth = 0; own?.$ref?.startsWith('#/') && depth < 8; depth += 1) {
    const { $ref, ...beside } = own;
    const steps = $ref.slice(2).split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
    own = { ...steps.reduce((value, step) => value?.[step], root), ...beside };
  }
  const choices = own?.anyOf?.filter((choice) => choice.type !== 'null');
  if (choices?.length === 1) {
    const { anyOf, ...beside } = own;
    own = { ...resolved(choices[0], root), ...beside };
  }
  if (Array.isArray(own?.type)) {
    const types = own.type.filter((type) => type !== 'null');
    if (types.length === 1) own = { ...own, type: types[0] };
  }
  if (own?.items) own = { ...own, items: resolved(own.items, root) };
  return own ?? {};
}

/** The values to choose from, with what people read; null if everything is allowed. */
function choices(schema) {
  const titled = schema.oneOf ?? schema.anyOf;
  if (titled?.length && titled.every((one) => 'const' in one)) {
    return titled.map((one) => [one.const, one.title ?? String(one.const)]);
  }
  return schema.enum?.map((value, index) => [value, schema.enumNames?.[index] ?? String(value)]) ?? null;
}

function controlOf(schema, isRequired) {
  const options = choices(schema);
  if (options) return select(options, schema, isRequired);
  const several = schema.type === 'array' && choices(schema.items ?? {});
  if (several) return boxes(several, schema);
  if (schema.type === 'boolean') {
    if (isRequired) return checkbox(schema);
    return select([[true, 'yes'], [false, 'no']], schema, false);
  }
  if (schema.type === 'integer' || schema.type === 'number') return number(schema, isRequired);
  if (schema.type === 'string') return text(schema, isRequired);
  return json(schema, isRequired);
}

function select(options, schema, isRequired) {
  const element = h('select', { required: isRequired });
  if (!isRequired || schema.default === undefined) element.append(h('option', { value: '' }, '–'));
  options.forEach(([value, title], index) => {
    element.append(h('option', { value: index, selected: value === schema.default }, title));
  });
  return { element, value: () => (element.value === '' ? undefined : options[Number(element.value)][0]) };
}

function boxes(options, schema) {
  const inputs = options.map(([value]) =>
    h('input', { type: 'checkbox', checked: schema.default?.includes(value) ?? false }),
  );
  const labels = options.map(([, title], index) => h('label', { class: 'box' }, inputs[index], title));
  const element = h('div', { role: 'group', class: 'boxes' }, ...labels);
  const chosen = () => options.filter((_, index) => inputs[index].checked).map(([value]) => value);
  return { element, isGroup: true, value: () => (chosen().length ? chosen() : undefined) };
}

function checkbox(schema) {
  const element = h('input', { type: 'checkbox', checked: schema.default === true });
  return { element, value: () => element.checked };
}

function number(schema, isRequired) {
  const element = h('input', {
    type: 'number',
    required: isRequired,
    min: schema.minimum,
    max: schema.maximum,
    step: schema.type === 'integer' ? 1 : 'any',
    value: schema.default,
  });
  return { element, value: () => (element.value === '' ? undefined : Number(element.value)) };
}

const INPUTS = { email: 'email', uri: 'url', date: 'date', 'date-time': 'datetime-local' };

function text(schema, isRequired) {
  const type = INPUTS[schema.format] ?? 'text';
  const element = h('input', {
    type,
    required: isRequired && schema.minLength !== 0,
    minlength: schema.minLength,
    maxlength: schema.maxLength,
    pattern: schema.pattern,
    value: schema.default,
    autocomplete: 'off',
  });
  const value = () => {
    if (element.value === '') return isRequired ? '' : undefined;
    return type === 'datetime-local' ? new Date(element.value).toISOString() : element.value;
  };
  return { element, value };
}

function json(schema, isRequired) {
  const shown = schema.default === undefined ? '' : JSON.stringify(schema.default);
  const element = h('textarea', { rows: 3, required: isRequired, spellcheck: 'false', placeholder: 'JSON' });
  element.value = shown;
  element.addEventListener('input', () => element.setCustomValidity(''));
  const value = () => {
    if (element.value.trim() === '') return undefined;
    try {
      return JSON.parse(element.value);
    } catch (error) {
      element.setCustomValidity('This is not JSON.');
      element.reportValidity();
      throw error;
    }
  };
  return { element, value };
}

function labelled(name, schema, isRequired, control) {
  counter += 1;
  const id = `field-${counter}`;
  const words = [schema.title ?? name, ...(isRequired ? [' ', h('span', { class: 'soft' }, 'required')] : [])];
  let label;
  if (control.isGroup) {
    label = h('span', { id: `${id}-label`, class: 'label' }, ...words);
    control.element.setAttribute('aria-labelledby', `${id}-label`);
  } else {
    label = h('label', { for: id }, ...words);
    control.element.id = id;
    control.element.name = name;
  }
  const hint = schema.description ? h('p', { class: 'soft hint', id: `${id}-hint` }, schema.description) : null;
  if (hint) control.element.setAttribute('aria-describedby', hint.id);
  return h('div', { class: 'field' }, label, hint, control.element);
}
