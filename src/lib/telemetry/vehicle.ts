import type { LineWriter } from './line-writer.js';

const METRES_PER_DEGREE = 111_320;
const DRIVING_SECONDS = 5;
const PARKED_SECONDS = 900;
/** Every so many positions, the sensors tell what they measure. */
const POSITIONS_PER_MEASUREMENT = 6;
const FAULT_CHANCE = 1 / 2000;
const REPAIR_CHANCE = 0.3;
/** Chance that a vehicle sets out within a quarter of an hour, for each hour of the day (UTC). */
const TRIP_CHANCES = [
  ...[0.01, 0.01, 0.01, 0.01, 0.02, 0.05, 0.15, 0.3, 0.3, 0.15, 0.1, 0.1],
  ...[0.15, 0.12, 0.1, 0.15, 0.25, 0.3, 0.25, 0.15, 0.1, 0.06, 0.04, 0.02],
];
/** Where vehicles live: degrees of latitude and longitude. */
const CITIES = [
  [52.52, 13.405],
  [48.137, 11.575],
  [53.551, 9.994],
  [50.938, 6.96],
  [48.857, 2.352],
  [40.417, -3.703],
] as const;
/** ISO 15031-6 */
const FAULT_CODES = [
  ['P0301', 'cylinder 1 misfire detected'],
  ['P0420', 'catalyst system efficiency below threshold'],
  ['P0171', 'system too lean (bank 1)'],
  ['P0128', 'coolant below thermostat regulating temperature'],
  ['C0035', 'left front wheel speed sensor circuit'],
  ['U0100', 'lost communication with engine control module'],
] as const;

const TEXT = {
  battery: ascii(',"batteryVolts":'),
  code: ascii('","code":"'),
  coolant: ascii(',"coolantCelsius":'),
  description: ascii('","state":"active","description":"'),
  cleared: ascii('","state":"cleared"'),
  fault: ascii('fault'),
  fuel: ascii(',"fuelPercent":'),
  heading: ascii(',"heading":'),
  heartbeat: ascii('heartbeat","ignition":false'),
  latitude: ascii(',"latitude":'),
  longitude: ascii(',"longitude":'),
  odometer: ascii(',"odometerKm":'),
  oil: ascii(',"oilKpa":'),
  position: ascii('position'),
  quote: ascii('"'),
  sensors: ascii('sensors'),
  signal: ascii(',"signalDbm":'),
  speed: ascii(',"speedKmh":'),
  tripEnd: ascii('trip-end'),
  trip: ascii('","trip":'),
  tripStart: ascii('trip-start'),
  tyres: ascii(',"tyreKpa":['),
  comma: ascii(','),
  bracket: ascii(']'),
};

/** What a vehicle has to tell now. */
type Report = 'heartbeat' | 'trip-start' | 'position' | 'sensors' | 'fault' | 'fault-cleared' | 'trip-end';

/** A vehicle that drives and parks, in steps; a message a step. Draws on the random numbers that everything draws on. */
export class Vehicle {
  readonly vin: string;
  readonly #random: () => number;
  readonly #metresPerLongitude: number;
  #latitude: number;
  #longitude: number;
  #heading = 0;
  #speedKmh = 0;
  #odometerMetres: number;
  #fuelPercent: number;
  #trip = 0;
  /** In seconds since the beginning; 0 while parked. */
  #arrivalSecond = 0;
  #positions = 0;
  #fault: (typeof FAULT_CODES)[number] | undefined;
  #report: Report = 'heartbeat';

  constructor(index: number, random: () => number) {
    this.#random = random;
    this.vin = vin(index);
    const [latitude, longitude] = CITIES[index % CITIES.length]!;
    this.#latitude = latitude + (random() - 0.5) * 0.3;
    this.#longitude = longitude + (random() - 0.5) * 0.3;
    this.#metresPerLongitude = METRES_PER_DEGREE * Math.cos((latitude * Math.PI) / 180);
    this.#odometerMetres = Math.floor(random() * 150_000_000);
    this.#fuelPercent = 20 + random() * 75;
  }

  /**
   * Lives on until `second`, which is in this hour of the day, and decides what to tell.
   *
   * @returns seconds until the next step
   */
  step(second: number, hour: number): number {
    const random = this.#random;
    if (this.#arrivalSecond === 0) {
      if (this.#report === 'trip-end' && this.#fault !== undefined && random() < REPAIR_CHANCE) {
        this.#report = 'fault-cleared';
        return PARKED_SECONDS;
      }
      if (this.#report === 'fault-cleared') this.#fault = undefined;
      if (this.#fuelPercent < 15) this.#fuelPercent = 95;
      if (random() >= TRIP_CHANCES[hour]!) {
        this.#report = 'heartbeat';
        return PARKED_SECONDS;
      }
      this.#trip++;
      this.#heading = random() * 360;
      this.#arrivalSecond = second + Math.trunc(300 * 12 ** random());
      this.#report = 'trip-start';
      return DRIVING_SECONDS;
    }
    if (second >= this.#arrivalSecond) {
      this.#arrivalSecond = 0;
      this.#speedKmh = 0;
      this.#report = 'trip-end';
      return Math.trunc(PARKED_SECONDS * (0.1 + 0.9 * random()));
    }
    this.#drive(random);
    if (this.#fault === undefined && random() < FAULT_CHANCE) {
      this.#fault = FAULT_CODES[Math.trunc(random() * FAULT_CODES.length)];
      this.#report = 'fault';
    } else {
      this.#report = ++this.#positions % POSITIONS_PER_MEASUREMENT === 0 ? 'sensors' : 'position';
    }
    return DRIVING_SECONDS;
  }

  #drive(random: () => number): void {
    this.#speedKmh = Math.min(130, Math.max(0, this.#speedKmh + (random() - 0.45) * 20));
    this.#heading = (this.#heading + (random() - 0.5) * 30 + 360) % 360;
    const metres = (this.#speedKmh / 3.6) * DRIVING_SECONDS;
    const angle = (this.#heading * Math.PI) / 180;
    this.#latitude += (metres * Math.cos(angle)) / METRES_PER_DEGREE;
    this.#longitude += (metres * Math.sin(angle)) / this.#metresPerLongitude;
    this.#odometerMetres += metres;
    this.#fuelPercent -= metres / 7000;
  }

  /** Writes the value of `type`, from behind its opening quote, and everything that follows in the object. */
  write(writer: LineWriter): void {
    const random = this.#random;
    switch (this.#report) {
      case 'heartbeat':
        writer.text(TEXT.heartbeat);
        this.#measured(writer, TEXT.battery, 1180 + random() * 120, 2);
        this.#measured(writer, TEXT.signal, -60 - random() * 50);
        break;
      case 'fault':
      case 'fault-cleared':
        writer.text(TEXT.fault);
        writer.text(TEXT.code);
        writer.text(ascii(this.#fault![0]));
        if (this.#report === 'fault-cleared') {
          writer.text(TEXT.cleared);
        } else {
          writer.text(TEXT.description);
          writer.text(ascii(this.#fault![1]));
          writer.text(TEXT.quote);
        }
        break;
      case 'sensors':
        this.#tripOf(writer, TEXT.sensors);
        this.#measured(writer, TEXT.coolant, 850 + random() * 100, 1);
        this.#measured(writer, TEXT.oil, 200 + random() * 250);
        writer.text(TEXT.tyres);
        for (let tyre = 0; tyre < 4; tyre++) {
          if (tyre > 0) writer.text(TEXT.comma);
          writer.number(Math.trunc(220 + random() * 30));
        }
        writer.text(TEXT.bracket);
        this.#measured(writer, TEXT.battery, 1370 + random() * 60, 2);
        this.#measured(writer, TEXT.fuel, this.#fuelPercent * 10, 1);
        break;
      default:
        this.#tripOf(
          writer,
          this.#report === 'position' ? TEXT.position : this.#report === 'trip-start' ? TEXT.tripStart : TEXT.tripEnd,
        );
        this.#measured(writer, TEXT.latitude, this.#latitude * 1e6, 6);
        this.#measured(writer, TEXT.longitude, this.#longitude * 1e6, 6);
        this.#measured(writer, TEXT.speed, this.#speedKmh * 10, 1);
        this.#measured(writer, TEXT.heading, this.#heading);
        this.#measured(writer, TEXT.odometer, this.#odometerMetres / 100, 1);
    }
  }

  #tripOf(writer: LineWriter, type: Uint8Array): void {
    writer.text(type);
    writer.text(TEXT.trip);
    writer.number(this.#trip);
  }

  #measured(writer: LineWriter, name: Uint8Array, value: number, decimals = 0): void {
    writer.text(name);
    writer.number(Math.trunc(value), decimals);
  }
}

const VIN_LETTERS: Record<string, number> = { F: 6, L: 3, T: 3 };
const VIN_WEIGHTS = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];

/** ISO 3779, with the check digit of 49 CFR 565.15. No manufacturer begins with 0. */
function vin(index: number): string {
  const serial = String(index).padStart(8, '0');
  const sum = [...`0FT7FL1T0${serial}`].reduce(
    (total, character, at) => total + (VIN_LETTERS[character] ?? Number(character)) * VIN_WEIGHTS[at]!,
    0,
  );
  return `0FT7FL1T${'0123456789X'[sum % 11]}${serial}`;
}

function ascii(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}
