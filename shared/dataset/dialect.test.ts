import { describe, expect, test } from 'vitest';
import { sniffDialect } from './dialect.ts';

describe('the delimiter', () => {
  const delimiterOf = (text: string) => sniffDialect(text).delimiter;

  test.each([
    ['a,b\n1,2\n3,4', ','],
    ['a;b;c\n1;2;3\n', ';'],
    ['a\tb\n1\t2', '\t'],
    ['a|b\n1|2', '|'],
    ['0.1 18.0  2.3\n 0.2  0.0 7.1\n', ' '],
    ['39, State-gov, 77516\n50, Private, 83311\n', ','],
    ['"fixed acidity";"volatile acidity"\n7;0.27\n6.3;0.3\n', ';'],
    ['name,note\nx,"a;b;c"\ny,"d;e"\n', ','],
    ['lonely\n1\n2\n', ','],
  ])('of %j is %j', (text, expected) => {
    expect(delimiterOf(text)).toBe(expected);
  });

  test('with decimal commas is the semicolon, and the commas are read', () => {
    expect(sniffDialect('7,0;0,27;a\n6,3;0,3;b\n')).toMatchObject({ delimiter: ';', decimalSeparator: ',' });
    expect(sniffDialect('7.0;0.27;a\n6.3;0.3;b\n')).toMatchObject({ delimiter: ';', decimalSeparator: '.' });
  });

  test('is what the person says', () => {
    expect(sniffDialect('a;b,c\n1;2,3\n', { delimiter: ',' }).columns).toEqual(['a;b', 'c']);
  });
});

describe('the header', () => {
  const columnsOf = (text: string, hints = {}) => sniffDialect(text, hints).columns;

  test('is a first row of names over numbers', () => {
    expect(columnsOf('age,sex,label\n39,m,1\n50,f,0\n')).toEqual(['age', 'sex', 'label']);
  });

  test('is absent when the first row holds a number or a missing cell', () => {
    expect(sniffDialect('5,1,2\n5,4,4\n').header).toBe(false);
    expect(columnsOf('5.1,Iris-setosa\n4.9,Iris-setosa\n')).toEqual(['column 1', 'column 2']);
    expect(sniffDialect('a,?,c\nb,x,c\n').header).toBe(false);
  });

  test('in a table of texts is a row that never comes again', () => {
    expect(sniffDialect('class,odor\ne,n\np,f\ne,n\n').header).toBe(true);
    expect(sniffDialect('e,n\np,f\ne,n\ne,f\n').header).toBe(false);
  });

  test('may leave the first column unnamed, or leave out its name', () => {
    expect(columnsOf(',a,b\n0,1.5,x\n1,2.5,y\n')).toEqual(['column 1', 'a', 'b']);
    expect(columnsOf('a,b\n0,1.5,x\n1,2.5,y\n')).toEqual(['column 1', 'a', 'b']);
  });

  test('with numbers for names is known by the names that the schema expects', () => {
    const text = '1990,1991,label\n1,2,a\n3,4,b\n';
    expect(sniffDialect(text).header).toBe(false);
    expect(sniffDialect(text, { expectedColumns: ['1990', '1991', 'label'] }).header).toBe(true);
  });

  test('is there when the person says so', () => {
    expect(sniffDialect('a,b\nc,d\n', { header: true }).columns).toEqual(['a', 'b']);
    expect(sniffDialect('a,b\n1,2\n', { header: false }).columns).toEqual(['column 1', 'column 2']);
  });

  test('with a name twice gets unique names', () => {
    expect(columnsOf('x,x,y,x\n1,2,3,4\n')).toEqual(['x', 'x (2)', 'y', 'x (3)']);
  });
});

test('single quotes are seen where they wrap cells', () => {
  expect(sniffDialect("a,b\n1,'x, y'\n2,'z'\n")).toMatchObject({ quote: "'", columns: ['a', 'b'] });
  expect(sniffDialect("a,b\n1,it's\n2,isn't\n").quote).toBe('"');
});

test('the last row of a sample cut short is not looked at', () => {
  expect(sniffDialect('a,b,c\n1,2,3\n4,"5', {}, false).columns).toEqual(['a', 'b', 'c']);
});

test('what is no table is refused', () => {
  expect(() => sniffDialect(' \n\n')).toThrow('The file has no rows');
  expect(() => sniffDialect('PK\u0003\u0004\0\0')).toThrow('not text');
});
